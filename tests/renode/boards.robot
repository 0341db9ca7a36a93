# SPDX-License-Identifier: Apache-2.0
*** Comments ***
The real renode-test runs this; tests/renode/prepare.py builds what it boots:
    python -m tests.renode.prepare build/renode --program build/demo/program
    renode-test --variable BUILD:$PWD/build/renode tests/renode/boards.robot

*** Settings ***
Library             OperatingSystem
Library             Process

*** Variables ***
${BUILD}            ${CURDIR}/../../build/renode
${XNORC}            ${CURDIR}/../../.venv/bin/xnorc
${BOARD}            stm32f4_discovery
${UART}             sysbus.usart2
${PORT}             3456
${SAMPLES}          100
# Renode lets a store to nowhere or a read from nowhere pass with this warning; here it is a failure.
${NOWHERE}          non existing peripheral

*** Keywords ***
Machine With
    [Documentation]    The board with a firmware of its build folder loaded and not started.
    [Arguments]        ${folder}
    Execute Command    $elf=@${BUILD}/${folder}/firmware.elf
    Execute Script     ${BUILD}/${folder}/board.resc
    Create Log Tester  0

Nothing Went Nowhere
    Should Not Be In Log    ${NOWHERE}

*** Test Cases ***
Board Boots And Sends Every Byte Back
    Machine With             echo
    Create Terminal Tester   ${UART}
    Start Emulation
    Wait For Line On Uart    ${BOARD}
    Write Line To Uart       0123456789 abcdefghijklmnopqrstuvwxyz
    Nothing Went Nowhere

A Fault Says Where
    Machine With             faults
    Create Terminal Tester   ${UART}
    Start Emulation
    Wait For Prompt On Uart  >
    Write To Uart            u
    Wait For Line On Uart    fault pc.0x0800[0-9a-f]{4} lr.0x0800[0-9a-f]{4} cfsr.0x00010000 hfsr.0x40000000
    ...                      treatAsRegex=true

Kernels Give The Bits Of Numpy
    @{images}=    List Directories In Directory    ${BUILD}    vectors_*
    Should Not Be Empty    ${images}
    FOR    ${image}    IN    @{images}
        Reset Emulation
        Machine With             ${image}
        Create Terminal Tester   ${UART}
        Start Emulation
        Wait For Line On Uart    ^done passed.[1-9][0-9]* failed.0$    treatAsRegex=true    timeout=600
        Nothing Went Nowhere
    END

Digits Are Classified As On Every Other Target
    [Tags]             digits
    [Documentation]    The test split goes over the socket terminal; every tensor is compared with the program.
    Execute Command    $elf=@${BUILD}/digits/firmware.elf
    Execute Command    $port=${PORT}
    Execute Script     ${BUILD}/digits/run.resc
    Create Log Tester  0
    ${done}=    Run Process    ${XNORC}    run    ${BUILD}/digits/program    --board    ${BOARD}
    ...    --port    socket://127.0.0.1:${PORT}    --data    digits    --limit    ${SAMPLES}    --check    --json
    ...    timeout=900s    stdout=${BUILD}/digits.json    stderr=STDOUT
    Log    ${done.stdout}
    Should Be Equal As Integers    ${done.rc}    0
    Nothing Went Nowhere
