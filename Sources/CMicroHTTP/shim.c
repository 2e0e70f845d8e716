#define _GNU_SOURCE
#include "CMicroHTTP.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct kairos_http_server {
  struct MHD_Daemon *daemon;
  kairos_http_handler handler;
  void *context;
};

static enum MHD_Result answer(
    void *cls, struct MHD_Connection *connection, const char *path, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **state) {
  static int seen;
  kairos_http_server *server = cls;
  (void)version;
  (void)upload;
  /* The first call comes with the headers alone: answering a GET then would lose keep-alive. */
  if (*state == NULL && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
    *state = &seen;
    return MHD_YES;
  }
  if (*upload_size != 0) {
    *upload_size = 0;
    return MHD_YES;
  }
  kairos_http_reply reply = {.status = 500};
  server->handler(server->context, method, path, &reply);
  struct MHD_Response *response =
      MHD_create_response_from_buffer(reply.size, reply.body, MHD_RESPMEM_MUST_FREE);
  if (response == NULL) {
    free(reply.body);
    return MHD_NO;
  }
  if (reply.content_type != NULL)
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply.content_type);
  if (reply.allow != NULL) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, reply.allow);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  enum MHD_Result result = MHD_queue_response(connection, reply.status, response);
  MHD_destroy_response(response);
  return result;
}

int kairos_http_listen(const char *host, const char *port, int *resolver, int *system) {
  struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  *system = 0;
  *resolver = getaddrinfo(host, port, &hints, &found);
  if (*resolver != 0) {
    *system = errno;
    return -1;
  }
  int on = 1;
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
                  bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 128) != 0)) {
    *system = errno;
    close(fd);
    fd = -1;
  } else if (fd < 0) {
    *system = errno;
  }
  freeaddrinfo(found);
  return fd;
}

int kairos_http_port(int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return -1;
  if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
  return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

kairos_http_server *kairos_http_start(
    int fd, unsigned int threads, kairos_http_handler handler, void *context) {
  kairos_http_server *server = malloc(sizeof *server);
  if (server != NULL) {
    server->handler = handler;
    server->context = context;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL, NULL, answer, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT, 15u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(32 * 1024), MHD_OPTION_END);
    if (server->daemon != NULL) return server;
    free(server);
  }
  close(fd);
  return NULL;
}

void kairos_http_stop(kairos_http_server *server) {
  MHD_stop_daemon(server->daemon);
  free(server);
}
