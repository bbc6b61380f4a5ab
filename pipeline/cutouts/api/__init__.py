"""What `import cutouts` gives: one image, many images, a whole run. The command line adds words and exit statuses."""
