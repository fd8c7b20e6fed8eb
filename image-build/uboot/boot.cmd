# The boot script of boards that start by U-Boot: which slot boots, by the state that edge/board/bootstate.py describes.
# mkimage -A arm64 -T script -d boot.cmd boot.scr; it lies on the first partition, where U-Boot's own boot looks for it.
#
# U-Boot sets devtype, devnum and the load addresses. A slot's boot partition (boot_a, boot_b; FAT or ext4) holds
#   vmlinuz, initrd    its kernel and first file system
#   slot.env           lines NAME=VALUE; `slotargs` goes onto the kernel's command line (verity's root hash stands there)
#   board.dtb          a device tree, where the board's own is not to be used; overlays are merged before
# and the kernel is told rauc.slot=A or B, as RAUC reads it, and edge.trial where that slot is on trial. firmware.env
# beside this script may set `boardargs` (console and the like).
# Only a slot on trial is counted, and only here. What came of a trial that ran out is written by the box, from the
# other slot. Numbers are hexadecimal.

setenv edge_first A
setenv edge_then B
setenv edge_kept
setenv edge_trial
${devtype} dev ${devnum}
setexpr edge_one ${kernel_addr_r} + 0
setexpr edge_two ${edge_one} + 1000
setexpr edge_sum ${edge_one} + 2000
if part start ${devtype} ${devnum} bootstate edge_lba; then
    setexpr edge_lba_two ${edge_lba} + 8
    if ${devtype} read ${edge_one} ${edge_lba} 10; then
        for edge_copy in ${edge_one} ${edge_two}; do
            setexpr edge_at ${edge_copy} + ffc
            crc32 ${edge_copy} ffc ${edge_sum}
            if cmp.b ${edge_at} ${edge_sum} 4; then
                setexpr edge_at ${edge_copy} + 4
                if itest.l *${edge_copy} == 42474445 && itest.l *${edge_at} == 1; then
                    setexpr edge_at ${edge_copy} + 8
                    if test -z "${edge_kept}"; then
                        setenv edge_kept ${edge_copy}
                        setexpr.l edge_sequence *${edge_at}
                    elif itest.l *${edge_at} -gt ${edge_sequence}; then
                        setenv edge_kept ${edge_copy}
                        setexpr.l edge_sequence *${edge_at}
                    fi
                fi
            fi
        done
    fi
fi

if test -n "${edge_kept}"; then
    setexpr edge_at ${edge_kept} + c
    setexpr.l edge_b_first *${edge_at}
    setexpr edge_at ${edge_kept} + 10
    setexpr.l edge_on_trial *${edge_at}
    setexpr edge_tries_at ${edge_kept} + 14
    setexpr.l edge_tries *${edge_tries_at}
    setexpr edge_at ${edge_kept} + 18
    setexpr.l edge_good *${edge_at}
    setexpr edge_at ${edge_kept} + 1c
    setexpr.l edge_other_good *${edge_at}
    if itest ${edge_b_first} == 1; then
        setenv edge_first B
        setenv edge_then A
        setenv edge_at ${edge_good}
        setenv edge_good ${edge_other_good}
        setenv edge_other_good ${edge_at}
    fi
    setenv edge_take first
    if itest ${edge_good} == 0; then
        if itest ${edge_on_trial} != 0 && itest ${edge_tries} != 0; then
            setexpr edge_tries ${edge_tries} - 1
            setenv edge_take trial
            setenv edge_trial edge.trial
        elif itest ${edge_other_good} != 0; then
            setenv edge_take then
        fi
    fi
    if test ${edge_take} = trial; then
        mw.l ${edge_tries_at} ${edge_tries}
        setexpr edge_sequence ${edge_sequence} + 1
        setexpr edge_at ${edge_kept} + 8
        mw.l ${edge_at} ${edge_sequence}
        setexpr edge_at ${edge_kept} + ffc
        crc32 ${edge_kept} ffc ${edge_at}
        # First over the copy that was not read, then over the one that was: at any instant one is whole.
        if itest ${edge_kept} == ${edge_one}; then
            ${devtype} write ${edge_kept} ${edge_lba_two} 8 && ${devtype} write ${edge_kept} ${edge_lba} 8
        else
            ${devtype} write ${edge_kept} ${edge_lba} 8 && ${devtype} write ${edge_kept} ${edge_lba_two} 8
        fi
        echo "edge: slot ${edge_first} is on trial, ${edge_tries} tries after this one"
    fi
    if test ${edge_take} = then; then
        echo "edge: slot ${edge_first} was not found good"
        setenv edge_at ${edge_first}
        setenv edge_first ${edge_then}
        setenv edge_then ${edge_at}
    fi
else
    echo "edge: the boot state cannot be read; trying slot A, then B"
fi

setenv boardargs
if load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} firmware.env; then
    env import -t ${ramdisk_addr_r} ${filesize} boardargs
fi
for edge_slot in ${edge_first} ${edge_then}; do
    echo "edge: booting slot ${edge_slot}"
    if test ${edge_slot} = A; then setenv edge_label boot_a; else setenv edge_label boot_b; fi
    setenv slotargs
    if part number ${devtype} ${devnum} ${edge_label} edge_part; then
        if load ${devtype} ${devnum}:${edge_part} ${ramdisk_addr_r} slot.env; then
            env import -t ${ramdisk_addr_r} ${filesize} slotargs
        fi
        setenv edge_tree ${fdt_addr}
        if load ${devtype} ${devnum}:${edge_part} ${fdt_addr_r} board.dtb; then setenv edge_tree ${fdt_addr_r}; fi
        if test -z "${edge_tree}"; then setenv edge_tree ${fdtcontroladdr}; fi
        if load ${devtype} ${devnum}:${edge_part} ${kernel_addr_r} vmlinuz; then
            if load ${devtype} ${devnum}:${edge_part} ${ramdisk_addr_r} initrd; then
                setenv bootargs "${boardargs} ${slotargs} rauc.slot=${edge_slot} ${edge_trial}"
                booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${edge_tree}
            fi
        fi
    fi
    echo "edge: slot ${edge_slot} cannot be loaded"
    setenv edge_trial
done
if test -z "${edge_stay}"; then
    echo "edge: no slot can be loaded; starting over"
    sleep 5
    reset
fi
