# SPDX-License-Identifier: Apache-2.0
*** Comments ***
The real renode-test runs this; tests/renode/prepare.py builds what it boots:
    python -m tests.renode.prepare build/renode --program build/demo/program
    renode-test --variable BUILD:$PWD/build/renode tests/renode/boards.robot

*** Settings ***
Library             OperatingSystem
Library             Process
Library             ${CURDIR}/suite_keywords.py

*** Variables ***
${BUILD}            ${CURDIR}/../../build/renode
${XNORC}            ${CURDIR}/../../.venv/bin/xnorc
${BOARD}            stm32f4_discovery
${UART}             sysbus.usart2
${PORT}             3456
${SAMPLES}          100
# The register is modelled from Renode 1.16 on; 1.15.3 reads 0.
${HFSR}             0x(00000000|40000000)

*** Keywords ***
Machine With
    [Documentation]    The board with a firmware of its build folder loaded and not started, and a log of its own.
    [Arguments]        ${folder}
    Set Test Variable  ${LOG}    ${BUILD}/${folder}/renode.log
    Remove File        ${LOG}
    Execute Command    logFile @${LOG} true
    Execute Command    $elf=@${BUILD}/${folder}/firmware.elf
    Execute Script     ${BUILD}/${folder}/board.resc

Uart On Socket
    Execute Command    emulation CreateServerSocketTerminal ${PORT} "link" false
    Execute Command    connector Connect ${UART} link
    Connect To Uart    ${PORT}

Nothing Was Complained Of
    Log Should Hold No Complaint    ${LOG}

*** Test Cases ***
Board Boots And Sends Every Byte Back
    Machine With             echo
    Create Terminal Tester   ${UART}
    Start Emulation
    Wait For Line On Uart    ${BOARD}
    Write Line To Uart       0123456789 abcdefghijklmnopqrstuvwxyz
    Nothing Was Complained Of

A Fault Says Where
    Machine With             faults
    Create Terminal Tester   ${UART}
    Start Emulation
    Wait For Prompt On Uart  >
    Write To Uart            u
    Wait For Line On Uart    fault pc.0x0800[0-9a-f]{4} lr.0x0800[0-9a-f]{4} cfsr.0x00010000 hfsr.${HFSR}
    ...                      treatAsRegex=true

Kernels Give The Bits Of Numpy
    @{images}=    List Directories In Directory    ${BUILD}    vectors_*
    Should Not Be Empty    ${images}
    FOR    ${image}    IN    @{images}
        Reset Emulation
        Machine With       ${image}
        Uart On Socket
        Start Emulation
        Wait For Line Over Socket    ^done passed.[1-9][0-9]* failed.0$
        Nothing Was Complained Of
    END

Digits Are Classified As On Every Other Target
    [Tags]             digits
    [Documentation]    The test split goes over the socket terminal; every tensor is compared with the program.
    Machine With       digits
    Execute Command    emulation CreateServerSocketTerminal ${PORT} "link" false
    Execute Command    connector Connect ${UART} link
    Start Emulation
    ${done}=    Run Process    ${XNORC}    run    ${BUILD}/digits/program    --board    ${BOARD}    --emulator    renode
    ...    --port    socket://127.0.0.1:${PORT}    --data    digits    --limit    ${SAMPLES}    --check    --json
    ...    timeout=900s    stdout=${BUILD}/digits.json    stderr=STDOUT
    Log    ${done.stdout}
    Should Be Equal As Integers    ${done.rc}    0
    Nothing Was Complained Of
