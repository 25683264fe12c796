"""Model files on disk: folders, single files, hashes, downloads."""
