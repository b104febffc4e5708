# Rules of the metabolomics domain.
