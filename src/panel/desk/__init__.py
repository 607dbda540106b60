"""The editors' desk: its web pages, and the act of deciding. Needs the extra ``desk``."""
