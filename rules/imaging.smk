# Rules of the imaging domain.
