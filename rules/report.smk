# Rules of the report domain.
