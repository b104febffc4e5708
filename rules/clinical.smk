# Rules of the clinical domain.
