@echo off
rem Makes .venv from requirements.txt and constraints.txt once, then runs the course's command line.
rem "course --help" lists the commands.
rem PYTHON=C:\path\to\python.exe chooses the Python that .venv is made from.
setlocal
set "here=%~dp0"
set "venv=%here%.venv"
set "stamp=%venv%\.ready"
set "wanted=%venv%\.wanted"
set "log=%venv%\install.log"
set "check=import sys; sys.exit(sys.version_info < (3, 11))"

rem The stamp is a copy of the two files that were installed. It is written last, so never by a broken set-up.
if not exist "%venv%\Scripts\python.exe" goto set_up
copy /y /b "%here%requirements.txt"+"%here%constraints.txt" "%wanted%" >nul 2>nul
fc /b "%stamp%" "%wanted%" >nul 2>nul && goto run

:set_up
if not exist "%venv%" mkdir "%venv%"
if exist "%stamp%" del "%stamp%"
"%venv%\Scripts\python.exe" -c "%check%" >nul 2>nul || goto make_venv
"%venv%\Scripts\python.exe" -m pip --version >nul 2>nul && goto install

:make_venv
if not defined PYTHON goto find_python
set found="%PYTHON%"
%found% -c "%check%" >nul 2>nul && goto found_python
echo course: PYTHON=%PYTHON% is not a Python 3.11 or newer. Set PYTHON to one that is, or clear it. >&2
exit /b 1

:find_python
for %%p in ("py -3" "python" "python3" "py -3.14" "py -3.13" "py -3.12" "py -3.11") do (
    %%~p -c "%check%" >nul 2>nul && set "found=%%~p" && goto found_python
)
echo course: found no Python 3.11 or newer. Install one (https://www.python.org/downloads), or set PYTHON to it. >&2
exit /b 1

:found_python
echo course: making .venv ... >&2
%found% -m venv --clear "%venv%" || exit /b 1

:install
echo course: installing requirements.txt into .venv. The first time this downloads PyTorch: some minutes. >&2
echo course: Progress: "%log%" >&2
"%venv%\Scripts\python.exe" -m pip install --disable-pip-version-check ^
    -r "%here%requirements.txt" -c "%here%constraints.txt" >"%log%" 2>&1
if errorlevel 1 (
    echo course: could not install requirements.txt. The last lines of "%log%": >&2
    powershell -NoProfile -Command "Get-Content -Tail 15 -LiteralPath $env:log" >&2
    exit /b 1
)
copy /y /b "%here%requirements.txt"+"%here%constraints.txt" "%stamp%" >nul
echo course: ready. >&2

:run
rem The caller's folder stays the current one, so relative paths mean what they say. -P keeps it off the import path.
set "module=helpers.given"
if exist "%here%coursekit\" set "module=coursekit"
if defined PYTHONPATH (set "PYTHONPATH=%here%;%PYTHONPATH%") else set "PYTHONPATH=%here%"
set "PYTHONUTF8=1"
"%venv%\Scripts\python.exe" -P -m %module% %*
exit /b %errorlevel%
