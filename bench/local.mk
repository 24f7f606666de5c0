# What is measured; see bench/README.md.
