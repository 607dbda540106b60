"""What readers send: votes on tools and subscriptions, in append-only files of the workspace."""

from panel.readers.community.votes import Votes as Votes
