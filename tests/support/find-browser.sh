#!/bin/sh
# Sees that there is a Chromium for the browser tests: one that is here, Debian's, or
# Playwright's own. Never fails: where none can be had, it says why those tests are left out.
for name in ${PANEL_CHROMIUM:+"$PANEL_CHROMIUM"} chromium-headless-shell; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 || continue
    echo "The browser tests use $name. They take little more than half the CPU with chromium-headless-shell."
    exit 0
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update >"$log" 2>&1
    for name in chromium-headless-shell chromium; do
        echo "Installing Debian's $name for the browser tests ..."
        DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$name" >>"$log" 2>&1
        command -v "$name" >/dev/null 2>&1 && exit 0
    done
fi
echo "Asking Playwright for its own Chromium ..."
if "${PLAYWRIGHT:-playwright}" install chromium >>"$log" 2>&1; then
    exit 0
fi
echo "The browser tests are left out: there is no Chromium, and none could be installed."
tail -n 3 "$log" | sed 's/^/  /'
echo "Install one (apt-get install chromium-headless-shell), or name one in PANEL_CHROMIUM."
exit 0
