# Rules of the proteomics domain.
