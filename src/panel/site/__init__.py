"""What readers see: static pages made from scorecards."""
