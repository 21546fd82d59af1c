@echo off
rem Makes .venv from requirements.txt and constraints.txt once, then runs the course's command line.
rem "course --help" lists the commands.
rem PYTHON=C:\path\to\python.exe chooses the Python that .venv is made from.
setlocal
set "here=%~dp0"
set "venv=%here%.venv"
set "mine=%venv%\Scripts\python.exe"
set "stamp=%venv%\.ready"
set "wanted=%venv%\.wanted"
set "told=%venv%\.told"
set "log=%venv%\install.log"
rem This file prints why a Python will not do for the course, and exits with 1 then.
set "suits=%here%helpers\given\launcher.py"
set "why="
rem Else pip would install for the user, which it refuses inside of .venv.
set "PIP_USER=0"
set "PIP_TARGET="
set "PIP_PREFIX="

rem The stamp is a copy of the two files that were installed. It is written last, so never by a broken set-up.
if not exist "%mine%" goto set_up
copy /y /b "%here%requirements.txt"+"%here%constraints.txt" "%wanted%" >nul 2>nul
fc /b "%stamp%" "%wanted%" >nul 2>nul && goto run

:set_up
if not exist "%venv%" mkdir "%venv%"
if exist "%mine%" goto look
if not exist "%venv%\bin" goto make_venv
echo course: .venv was made by Linux or WSL, and is of no use here: copy the course into a folder of its own, without .venv. >&2
exit /b 1

:look
if exist "%stamp%" del "%stamp%"
rem An environment that works is kept, whoever made it.
"%mine%" -c "" >nul 2>nul || goto make_venv
"%mine%" -I "%suits%" >"%told%" 2>nul && goto need_pip
set /p "why=" <"%told%"
echo course: .venv will not do: %why%. Then delete the folder .venv, and try again. >&2
exit /b 1

:need_pip
"%mine%" -m pip --version >nul 2>nul && goto install
"%mine%" -m ensurepip >"%log%" 2>&1 && goto install
echo course: there is no pip in .venv. Delete the folder .venv, and try again. >&2
exit /b 1

:make_venv
if not defined PYTHON goto find_python
set found="%PYTHON%"
%found% -I "%suits%" >"%told%" 2>nul && goto found_python
if not errorlevel 2 set /p "why=" <"%told%"
if not defined why set "why=it is not a Python 3.11 or newer. Set PYTHON to one that is, or clear it"
echo course: PYTHON=%PYTHON% will not do: %why%. >&2
exit /b 1

:find_python
for %%p in ("py -3" "python" "python3" "py -3.14" "py -3.13" "py -3.12" "py -3.11") do (
    %%~p -I "%suits%" >"%told%" 2>nul && set "found=%%~p" && goto found_python
    if not errorlevel 2 if not defined why set /p "why=" <"%told%"
)
if not defined why set "why=found no Python 3.11 or newer. Install one (https://www.python.org/downloads), or set PYTHON to it"
echo course: %why%. >&2
exit /b 1

:found_python
echo course: making .venv ... >&2
%found% -m venv --clear "%venv%" || exit /b 1

:install
echo course: installing requirements.txt into .venv. The first time this downloads PyTorch: some minutes. >&2
echo course: Progress: "%log%" >&2
rem uv takes a fraction of pip's time. If there is none, or if it fails, pip does it. uv does not read pip's variables:
rem an index that they name counts as with pip, the newest version of all.
where uv >nul 2>nul || goto by_pip
if defined PIP_INDEX_URL if not defined UV_DEFAULT_INDEX set "UV_DEFAULT_INDEX=%PIP_INDEX_URL%"
if defined PIP_EXTRA_INDEX_URL if not defined UV_INDEX set "UV_INDEX=%PIP_EXTRA_INDEX_URL%"
if not defined UV_INDEX_STRATEGY set "UV_INDEX_STRATEGY=unsafe-best-match"
call uv pip install --python "%mine%" -r "%here%requirements.txt" -c "%here%constraints.txt" >"%log%" 2>&1 && goto installed
echo course: uv could not do it; now pip tries. >&2

:by_pip
"%mine%" -m pip install --disable-pip-version-check ^
    -r "%here%requirements.txt" -c "%here%constraints.txt" >"%log%" 2>&1 || goto failed

:installed
copy /y /b "%here%requirements.txt"+"%here%constraints.txt" "%stamp%" >nul
echo course: ready. >&2
goto run

:failed
echo course: could not install requirements.txt. The last lines of "%log%": >&2
powershell -NoProfile -Command "Get-Content -Tail 15 -LiteralPath $env:log" >&2
set "why="
"%mine%" -I "%suits%" "%log%" >"%told%" 2>nul
set /p "why=" <"%told%"
if defined why echo course: %why%. >&2
exit /b 1

:run
rem The caller's folder stays the current one, so relative paths mean what they say. -P keeps it off the import path.
set "module=helpers.given"
if exist "%here%coursekit\" set "module=coursekit"
if defined PYTHONPATH (set "PYTHONPATH=%here%;%PYTHONPATH%") else set "PYTHONPATH=%here%"
set "PYTHONUTF8=1"
"%mine%" -P -m %module% %*
exit /b %errorlevel%
