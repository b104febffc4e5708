# Rules of the genomics domain.
