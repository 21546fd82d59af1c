@echo off
rem Makes the environment if need be, then runs every test. Arguments are passed on to "course test".
"%~dp0course.bat" test %*
