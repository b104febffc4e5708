# Rules of the fusion domain.
