# Builds the program with the Swift image and puts it, without a toolchain, on Debian 12.
#
#   docker build -t kairos .
#   docker run --rm -v kairos:/var/lib/kairos -p 9464:9464 kairos run

FROM swift:6.3-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      libmicrohttpd-dev libre2-dev librdkafka-dev libsimdjson-dev libssl-dev libyaml-dev \
      liblz4-dev libzstd-dev pkg-config zlib1g-dev tzdata \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The Swift runtime goes into the binary: the second image needs Debian's libraries only.
RUN swift build -c release --product kairos --static-swift-stdlib \
    && scripts/install /out .build/release/kairos

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates libmicrohttpd12 libre2-9 librdkafka1 libsimdjson14 libssl3 libstdc++6 \
      libyaml-0-2 liblz4-1 libzstd1 zlib1g tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/kairos --create-home kairos
COPY --from=build /out /usr
USER kairos
WORKDIR /var/lib/kairos
VOLUME /var/lib/kairos
# Inside a container the metrics must be reachable from outside of it.
ENV KAIROS_LISTEN=:9464
EXPOSE 9464
# SIGTERM drains and exits 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --start-period=30s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9464; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["kairos"]
CMD ["run"]
