"""Resources and services (W4): what is offered for needs, in which quantity, and until when."""
