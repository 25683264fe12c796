# docker build -t darkroom . && docker run -v darkroom:/data -e DISCORD_TOKEN --gpus all darkroom
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 darkroom && install -d -m 700 -o darkroom /data
WORKDIR /app
COPY constraints.txt pyproject.toml README.md ./
# torch is by far the largest layer: on its own, so that a change of code does not move it
RUN pip install --no-cache-dir -c constraints.txt torch
COPY bot ./bot
COPY engine ./engine
RUN pip install --no-cache-dir -c constraints.txt '.[postgres,metrics]'
USER darkroom
ENV DARKROOM_DATA_DIR=/data DARKROOM_OPERATION__HTTP_PORT=9300
VOLUME /data
# the running bot itself is asked; `darkroom check` would ask Discord each time, and know nothing of the bot
HEALTHCHECK --interval=60s --start-period=120s CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:9300/healthz', timeout=5)"]
ENTRYPOINT ["darkroom"]
CMD ["run"]
