# syntax=docker/dockerfile:1
# docker build -t granary .
# docker run --read-only --tmpfs /tmp -p 127.0.0.1:8787:8787 -v granary:/data -e GRANARY_PUBLIC_URL=http://localhost:8787 granary
#
# GRANARY_PUBLIC_URL is needed: the server listens on every address of its container, and the links in its answers must name
# the address that package managers reach it by. Everything that it writes is below /data.

FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Install scripts only fetch binaries for tests, and a Node.js that this image has already.
RUN npm ci --ignore-scripts
COPY build.ts ./
COPY src src
RUN node build.ts

FROM node:24-slim AS dependencies
WORKDIR /dependencies
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
# The two of glibc's allocator give freed memory back to the system: about 15 % less resident memory.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    GRANARY_HOST=0.0.0.0 \
    GRANARY_PORT=8787 \
    GRANARY_DATA=/data
# Made here, so that a new volume belongs to the user that the server runs as.
RUN install -d -m 0700 -o node -g node /data
WORKDIR /opt/granary
COPY LICENSE package.json ./
COPY bin bin
COPY --from=dependencies /dependencies/node_modules node_modules
COPY --from=build /build/dist dist
USER node
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.GRANARY_PORT}/-/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "/opt/granary/bin/granary.js"]
CMD ["serve"]
