# Rules of the model domain.
