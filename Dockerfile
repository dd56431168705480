# syntax=docker/dockerfile:1

# One target a service:  docker build --target order -t order .   docker build --target activity -t activity .
# Each needs Kafka's addresses, ORDER_KAFKA or ACTIVITY_KAFKA (HOST:PORT,...), and keeps its one file under /data, which
# must be a local disk: the file is locked, mapped and fsynced. Each listens on all addresses, and so needs an API key first:
#   docker run --rm -v order:/data order keys new admin --scopes keys:write,orders:write,orders:read --data /data/order.db

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# librdkafka is linked in by cgo; what stays dynamic is glibc, which must not be older where the program runs: both
# images are Debian 12.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go-build \
    GOCACHE=/go-build CGO_ENABLED=1 go build -trimpath -o /out/ ./order/cmd/order ./activity/cmd/activity
# A volume takes over owner and mode of the directory that it is mounted on.
RUN mkdir -m 0700 /data

FROM gcr.io/distroless/base-debian12:nonroot AS runtime
COPY --from=build --chown=65532:65532 /data /data
VOLUME /data
# By number: Kubernetes can tell only then that it is not root.
USER 65532:65532

FROM runtime AS order
COPY --from=build /out/order /usr/local/bin/order
# In a container, loopback would be reached by nobody.
ENV ORDER_LISTEN=0.0.0.0:8080 ORDER_OPS_LISTEN=0.0.0.0:8081 ORDER_DATA=/data/order.db
EXPOSE 8080 8081
HEALTHCHECK CMD ["/usr/local/bin/order", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/order"]
CMD ["serve"]

FROM runtime AS activity
COPY --from=build /out/activity /usr/local/bin/activity
ENV ACTIVITY_LISTEN=0.0.0.0:8090 ACTIVITY_OPS_LISTEN=0.0.0.0:8091 ACTIVITY_DATA=/data/activity.db
EXPOSE 8090 8091
HEALTHCHECK CMD ["/usr/local/bin/activity", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/activity"]
CMD ["serve"]
