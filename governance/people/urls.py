"""The addresses at which people sign in and out. Of allauth's pages only these are open: nobody signs
up, and nobody resets a password by e-mail (an administrator does, at the console)."""

from allauth.account import views
from django.urls import path

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
]
