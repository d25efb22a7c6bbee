# The images of the services, each a target: api, planner, executor.
#   docker build --target executor -t countersign-executor .

FROM node:24-bookworm-slim AS build
WORKDIR /src
# pnpm in the version of package.json, and every package of the lockfile: again only when one of these files changes.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npm install --global --no-fund --no-audit "$(node -p "require('./package.json').packageManager")" && pnpm fetch
COPY . .
RUN pnpm install --frozen-lockfile --offline && pnpm exec turbo run build --output-logs=errors-only
# What a service needs to run, and no more. Types and source maps are for those who write code.
RUN for service in api planner executor; do \
      pnpm --config.inject-workspace-packages=true --filter "@countersign/$service" --prod deploy --prefer-offline "/out/$service" || exit 1; \
    done \
    && find /out -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' \) -delete \
    && rm -f /out/*/pnpm-lock.yaml /out/*/pnpm-workspace.yaml

FROM node:24-bookworm-slim AS service
ENV NODE_ENV=production
WORKDIR /app
COPY deploy/health.mjs ./
# Whether the process lives, not whether Redis does: starting it again would not help against an outage of Redis.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "health.mjs", "/healthz"]
STOPSIGNAL SIGTERM
# By its number, so that Kubernetes can see that it is not root.
USER 1000:1000
CMD ["node", "dist/main.js"]

FROM service AS planner
ENV HEALTH_HOST=0.0.0.0 HEALTH_PORT=9464
EXPOSE 9464
COPY --from=build /out/planner ./

FROM service AS executor
USER root
RUN mkdir /workspace && chown 1000:1000 /workspace
USER 1000:1000
ENV WORKSPACE_ROOT=/workspace HEALTH_HOST=0.0.0.0 HEALTH_PORT=9464
EXPOSE 9464
COPY --from=build /out/executor ./

FROM service AS api
ENV HOST=0.0.0.0 PORT=3000 HEALTH_HOST=0.0.0.0 HEALTH_PORT=9464
EXPOSE 3000 9464
COPY --from=build /out/api ./
