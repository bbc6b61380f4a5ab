"""What commands share: options, progress, and how they end."""
