#!/bin/sh
# Sees that there is a Chromium for the browser tests: one that is here, Debian's, or
# Playwright's own. Never fails: where none can be had, it says why those tests are left out.
for name in "${PANEL_CHROMIUM:-chromium}" chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium for the browser tests ..."
    { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1
    command -v chromium >/dev/null 2>&1 && exit 0
fi
echo "Asking Playwright for its own Chromium ..."
if "${PLAYWRIGHT:-playwright}" install chromium >>"$log" 2>&1; then
    exit 0
fi
echo "The browser tests are left out: there is no Chromium, and none could be installed."
tail -n 3 "$log" | sed 's/^/  /'
echo "Install one (apt-get install chromium), or name one in PANEL_CHROMIUM."
exit 0
