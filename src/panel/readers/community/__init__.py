"""What readers send: votes and subscriptions, kept in append-only files of the workspace."""

from panel.readers.community.votes import Votes as Votes
