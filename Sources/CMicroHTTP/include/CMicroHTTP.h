#ifndef KAIROS_CMICROHTTP_H
#define KAIROS_CMICROHTTP_H

#include <stddef.h>

/* The door to libmicrohttpd: its start function is variadic, which Swift does not import. */

typedef struct kairos_http_server kairos_http_server;

/* What a handler fills in. `body` comes from malloc and is freed by the server. `content_type` and
   `allow` (NULL: no Allow header) live for ever. */
typedef struct {
  unsigned int status;
  const char *content_type;
  const char *allow;
  char *body;
  size_t size;
} kairos_http_reply;

/* Runs on a thread of the server, several at once. A body sent with the request is not read. */
typedef void (*kairos_http_handler)(
    void *context, const char *method, const char *path, kairos_http_reply *reply);

/* A listening TCP socket on the first address of `host` (NULL: all) and `port`, or -1: then either
   `*resolver` holds a getaddrinfo error or `*system` an errno. */
int kairos_http_listen(const char *host, const char *port, int *resolver, int *system);

/* The port that the socket really has, or -1. */
int kairos_http_port(int socket);

/* Serves on the socket and owns it from here on; NULL (and the socket closed) when no thread could
   be started. */
kairos_http_server *kairos_http_start(
    int socket, unsigned int threads, kairos_http_handler handler, void *context);

/* Returns when no handler runs any more. */
void kairos_http_stop(kairos_http_server *server);

#endif
