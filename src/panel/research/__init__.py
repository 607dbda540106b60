"""Research: experiments as arms of the same cells, the statistics of votes, probes, reports."""
