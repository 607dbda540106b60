"""What readers send: votes on tools and subscriptions, in append-only files of the workspace."""

from panel.community.votes import Votes as Votes
