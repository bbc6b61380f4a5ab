"""What `import cutouts` offers: one image, many images, a whole run. The commands add messages and exit statuses."""
