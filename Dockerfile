# The program in a container, without what builds it: `docker build --tag reviewer-panel .`
# docs/install.md has its commands, docs/compose.yaml an example beside Ollama.

# By tag, since a digest would keep the base from its security updates; name one for the same bytes.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
# The version is git's tag.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
COPY . /source
# Of pyproject.toml, with commas: desk and site for the servers and pictures, embedded for a model.
ARG EXTRAS=desk,site
RUN python -m venv --without-pip /opt/panel \
    && python -m pip --python /opt/panel/bin/python --no-cache-dir --disable-pip-version-check \
        install --constraint /source/constraints.txt "/source${EXTRAS:+[${EXTRAS}]}"

FROM ${BASE}
# Folders that any user may write to: `docker run --user` takes the owner of a mounted workspace.
RUN useradd --uid 10001 --user-group --create-home panel \
    && install --directory --mode 1777 /workspace /cache
COPY --from=build /opt/panel /opt/panel
ENV PATH=/opt/panel/bin:${PATH} \
    PANEL_CACHE=/cache \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /workspace
VOLUME ["/workspace", "/cache"]
EXPOSE 8320 8321
# Of `panel serve`. For the other commands: docker run --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-I", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8321, timeout=4); c.request('GET', '/'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["panel"]
CMD ["serve", "site", "--host", "0.0.0.0"]
