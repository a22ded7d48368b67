# The simulator and the pods of compose.yaml.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without scripts: none of what runs here needs one.
RUN npm ci --ignore-scripts && npm cache clean --force
COPY tsconfig.json ./
COPY src src
COPY scripts scripts
COPY examples examples
USER node
