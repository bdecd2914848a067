# syntax=docker/dockerfile:1
# The instances, and what deploy commands commonly need: app/setup/README.md, "In containers".
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run package

FROM node:24-bookworm-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node -m 0700 /etc/twinhook /var/lib/twinhook
COPY --from=build /src/dist/package /opt/twinhook
RUN ln -s /opt/twinhook/app/cli/twinhook /usr/local/bin/twinhook
USER node
WORKDIR /etc/twinhook
EXPOSE 9100 9101
# Ready means that it can commit right now. HEALTH_PORT is the port of the instance that is asked.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT ?? 9100}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["twinhook"]
CMD ["start"]
