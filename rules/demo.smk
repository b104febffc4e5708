# Rules of the demo domain.
