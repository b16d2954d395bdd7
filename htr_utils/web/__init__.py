"""The web page: `htr serve`. Its app factory is `htr_utils.web.app.create_app`."""
