"""What can't be beaten by the web server: one view without middleware that checks the token, adds a row."""

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

get_wsgi_application()

from governance.people.authentication import authenticated  # noqa: E402 after Django is set up


def lives(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n")


def post(request: HttpRequest) -> HttpResponse:
    authenticated(request.headers["Authorization"].removeprefix("Bearer "))
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_posted (body) VALUES (%s)", [request.body])
    return HttpResponse(b"{}", status=201, headers={"Content-Length": "2"})


urlpatterns = [path("healthz", lives), path("post", post)]

settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__
application = WSGIHandler()
