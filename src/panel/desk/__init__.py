"""The editors' desk: a small web application on loopback. Needs the extra ``desk``."""
