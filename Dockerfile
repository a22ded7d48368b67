# The simulator, as the command is published: docker build -t simulated-feishu .
# docker run --rm -p 127.0.0.1:8787:8787 simulated-feishu
# The stage `pods` has the examples of compose.yaml.
FROM node:24-slim AS sources
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without scripts: none of what runs here needs one.
RUN npm ci --ignore-scripts && npm cache clean --force
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY scripts scripts

FROM sources AS pods
COPY examples examples
USER node

FROM sources AS bundle
RUN npm run build

FROM node:24-slim AS simulator
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=bundle /app/dist/cli dist/cli
COPY --from=bundle /app/dist/Simulator/control/page.js dist/Simulator/control/
USER node
EXPOSE 8787
ENTRYPOINT ["node", "dist/cli/launcher.cjs"]
CMD ["simulator", "--host", "0.0.0.0", "--port", "8787"]
