"""`python -m assay_operator`."""

from assay_operator.main import main

if __name__ == "__main__":
    main()
