"""The functions of `import cutouts`: for one image, many images, and a whole run. The commands add messages and exit
statuses."""
