/* The boot program of boards that start by UEFI: which slot boots, by the state that edge/board/bootstate.py describes.
 *
 * It lies on the firmware partition as \EFI\BOOT\BOOTX64.EFI, is what image-build/uboot/boot.cmd is
 * elsewhere, and follows the same rule: a slot on trial is counted down before it boots; one that was not found good,
 * and has no tries left, is passed over; what cannot be loaded, too. Partitions are those of the disk it came from, by
 * their names: bootstate, boot_a, boot_b. A slot's boot partition (FAT) holds
 *   vmlinuz, initrd    its kernel, with the EFI stub, and first file system
 *   slot.env           lines NAME=VALUE; `slotargs` goes onto the kernel's command line
 * and \firmware.env on the firmware partition may set `boardargs` (console and the like).
 *
 * Only boot services are used, and no variable of the firmware is touched: those of many a board forget, or fill up.
 * Source: UEFI 2.10, 5.3 (GPT), 7.4 (images), 13.4, 13.9.
 */

#include <efi.h>

enum { PAGE_BYTES = 4096, TABLE_PAGES = 8, COPY_BYTES = PAGE_BYTES, COPIES = 2 };
enum { TEXT_BYTES = 2048, ARGUMENTS = 3 * TEXT_BYTES, NAME_CHARS = 36 };
#define MAGIC 0x42474445u /* "EDGB" */

typedef struct {
    UINT32 magic, format, sequence, first, on_trial, tries, good[2];
    UINT8 rest[COPY_BYTES - 8 * 4 - 4];
    UINT8 crc[4]; /* of all before it, big-endian */
} State;

typedef struct {
    UINT8 type[16], unique[16];
    UINT64 first, last, attributes;
    CHAR16 name[NAME_CHARS];
} Partition;

static EFI_SYSTEM_TABLE *table;
static EFI_BOOT_SERVICES *boot;

static EFI_GUID of_path = EFI_DEVICE_PATH_PROTOCOL_GUID, of_block = EFI_BLOCK_IO_PROTOCOL_GUID;
static EFI_GUID of_image = EFI_LOADED_IMAGE_PROTOCOL_GUID, of_files = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;

static void say(const CHAR16 *text)
{
    table->ConOut->OutputString(table->ConOut, (CHAR16 *)text);
}

static void say_slot(const CHAR16 *before, UINT32 slot, const CHAR16 *behind)
{
    say(before);
    say(slot ? L"B" : L"A");
    say(behind);
    say(L"\r\n");
}

/* Memory that every disk can read into: some want it aligned to their blocks. It starts out as zeros. */
static void *pages(UINTN count)
{
    EFI_PHYSICAL_ADDRESS address = 0;
    if (EFI_ERROR(boot->AllocatePages(AllocateAnyPages, EfiLoaderData, count, &address)))
        return NULL;
    boot->SetMem((void *)(UINTN)address, count * PAGE_BYTES, 0);
    return (void *)(UINTN)address;
}

static BOOLEAN same(const void *one, const void *two, UINTN length)
{
    const UINT8 *a = one, *b = two;
    while (length--)
        if (*a++ != *b++)
            return FALSE;
    return TRUE;
}

static void *protocol(EFI_HANDLE handle, EFI_GUID *which)
{
    void *found = NULL;
    return handle && !EFI_ERROR(boot->HandleProtocol(handle, which, &found)) ? found : NULL;
}

/* ---- the disk: its partitions by name ---- */

static UINTN node_bytes(const EFI_DEVICE_PATH *node)
{
    return (UINTN)node->Length[0] | (UINTN)node->Length[1] << 8;
}

static BOOLEAN is_end(const EFI_DEVICE_PATH *node)
{
    return (node->Type & 0x7f) == END_DEVICE_PATH_TYPE || node_bytes(node) < 4;
}

/* The partition's node of a path, and how many octets lie before it: what names its disk. NULL: it has none. */
static const HARDDRIVE_DEVICE_PATH *partition_of(const EFI_DEVICE_PATH *path, UINTN *before)
{
    const UINT8 *at = (const UINT8 *)path;
    for (; at && !is_end((const EFI_DEVICE_PATH *)at); at += node_bytes((const EFI_DEVICE_PATH *)at)) {
        const HARDDRIVE_DEVICE_PATH *node = (const HARDDRIVE_DEVICE_PATH *)at;
        if (node->Header.Type == MEDIA_DEVICE_PATH && node->Header.SubType == MEDIA_HARDDRIVE_DP) {
            *before = (UINTN)(at - (const UINT8 *)path);
            return node;
        }
    }
    return NULL;
}

/* The whole disk that `path` begins with the path of. */
static EFI_BLOCK_IO *disk_of(EFI_HANDLE *handles, UINTN count, const EFI_DEVICE_PATH *path, UINTN before)
{
    for (UINTN i = 0; i < count; i++) {
        const EFI_DEVICE_PATH *other = protocol(handles[i], &of_path);
        EFI_BLOCK_IO *block = protocol(handles[i], &of_block);
        if (other && block && !block->Media->LogicalPartition && same(other, path, before) &&
            is_end((const EFI_DEVICE_PATH *)((const UINT8 *)other + before)))
            return block;
    }
    return NULL;
}

/* Find the partition `name` in the table of `disk`; its unique GUID is left in `unique`. */
static BOOLEAN unique_of(EFI_BLOCK_IO *disk, const CHAR16 *name, UINT8 *unique)
{
    UINT32 block_bytes = disk->Media->BlockSize, entry_bytes, entries;
    UINTN length;
    UINT64 lba;
    UINT8 *octets = pages(TABLE_PAGES);
    BOOLEAN found = FALSE;
    if (!octets || block_bytes < 512 || block_bytes > PAGE_BYTES)
        return FALSE;
    if (!EFI_ERROR(disk->ReadBlocks(disk, disk->Media->MediaId, 1, block_bytes, octets)) &&
        same(octets, "EFI PART", 8)) {
        lba = *(UINT64 *)(octets + 72);
        entries = *(UINT32 *)(octets + 80);
        entry_bytes = *(UINT32 *)(octets + 84);
        length = (UINTN)entries * entry_bytes;
        length = (length + block_bytes - 1) / block_bytes * block_bytes;
        if (entry_bytes >= sizeof(Partition) && entries <= 128 && entry_bytes <= 256 && length <= TABLE_PAGES * PAGE_BYTES &&
            !EFI_ERROR(disk->ReadBlocks(disk, disk->Media->MediaId, lba, length, octets)))
            for (UINT32 i = 0; i < entries && !found; i++) {
                const Partition *each = (const Partition *)(octets + (UINTN)i * entry_bytes);
                UINTN at = 0;
                while (at < NAME_CHARS && name[at] && each->name[at] == name[at])
                    at++;
                if (at < NAME_CHARS && !name[at] && !each->name[at]) {
                    boot->CopyMem(unique, (void *)each->unique, 16);
                    found = TRUE;
                }
            }
    }
    boot->FreePages((EFI_PHYSICAL_ADDRESS)(UINTN)octets, TABLE_PAGES);
    return found;
}

/* The handle of the partition `name` on the disk that `home` is a partition of; NULL: there is none. */
static EFI_HANDLE partition_named(EFI_HANDLE home, const CHAR16 *name)
{
    EFI_HANDLE *handles, found = NULL;
    UINTN count = 0, before = 0, its = 0;
    UINT8 unique[16];
    const EFI_DEVICE_PATH *path = protocol(home, &of_path);
    EFI_BLOCK_IO *disk;
    if (!path || !partition_of(path, &before) ||
        EFI_ERROR(boot->LocateHandleBuffer(ByProtocol, &of_block, NULL, &count, &handles)))
        return NULL;
    disk = disk_of(handles, count, path, before);
    if (disk && unique_of(disk, name, unique))
        for (UINTN i = 0; i < count && !found; i++) {
            const EFI_DEVICE_PATH *other = protocol(handles[i], &of_path);
            const HARDDRIVE_DEVICE_PATH *node = other ? partition_of(other, &its) : NULL;
            if (node && its == before && same(other, path, before) && same(node->Signature, unique, 16))
                found = handles[i];
        }
    boot->FreePool(handles);
    if (found)
        boot->ConnectController(found, NULL, NULL, TRUE); /* its file system, where the firmware was in a hurry */
    return found;
}

/* ---- the state ---- */

static UINT32 crc_of(State *state)
{
    UINT32 crc = 0;
    boot->CalculateCrc32(state, COPY_BYTES - 4, &crc);
    return crc;
}

static BOOLEAN is_whole(State *state)
{
    UINT32 crc = crc_of(state);
    UINT8 big[4] = {(UINT8)(crc >> 24), (UINT8)(crc >> 16), (UINT8)(crc >> 8), (UINT8)crc};
    return same(big, state->crc, 4) && state->magic == MAGIC && state->format == 1 && state->first < 2;
}

static EFI_STATUS put(EFI_BLOCK_IO *block, UINTN number, State *state)
{
    EFI_LBA lba = number * COPY_BYTES / block->Media->BlockSize;
    EFI_STATUS status = block->WriteBlocks(block, block->Media->MediaId, lba, COPY_BYTES, state);
    return EFI_ERROR(status) ? status : block->FlushBlocks(block);
}

/* Count a try down, first in the copy that was not read, then in the one that was: at any instant one is whole. */
static void count_down(EFI_BLOCK_IO *block, State *state, UINTN kept)
{
    UINT32 crc;
    state->tries--;
    state->sequence++;
    crc = crc_of(state);
    for (UINTN i = 0; i < 4; i++)
        state->crc[i] = (UINT8)(crc >> (24 - 8 * i));
    if (EFI_ERROR(put(block, 1 - kept, state)) || EFI_ERROR(put(block, kept, state)))
        say(L"edge: the boot state cannot be written\r\n");
}

/* Return the slot to boot first, 0 for A and 1 for B; where it is on trial, count it down and say so. */
static UINT32 first_slot(EFI_HANDLE home, BOOLEAN *on_trial)
{
    EFI_BLOCK_IO *block = protocol(partition_named(home, L"bootstate"), &of_block);
    State *copies = pages(COPIES), *state = NULL;
    UINT32 first = 0;
    if (block && copies &&
        !EFI_ERROR(block->ReadBlocks(block, block->Media->MediaId, 0, COPIES * COPY_BYTES, copies)))
        for (UINTN i = 0; i < COPIES; i++)
            if (is_whole(&copies[i]) && (!state || copies[i].sequence > state->sequence))
                state = &copies[i];
    if (!state) {
        say(L"edge: the boot state cannot be read; trying slot A, then B\r\n");
    } else {
        first = state->first;
        if (!state->good[first] && state->on_trial && state->tries) {
            *on_trial = TRUE;
            count_down(block, state, (UINTN)(state - copies));
            say_slot(L"edge: on trial is slot ", first, state->tries ? L", with another try" : L", for the last time");
        } else if (!state->good[first] && state->good[1 - first]) {
            say_slot(L"edge: not found good was slot ", first, L"");
            first = 1 - first;
        }
    }
    if (copies)
        boot->FreePages((EFI_PHYSICAL_ADDRESS)(UINTN)copies, COPIES);
    return first;
}

/* ---- a slot ---- */

/* Read a small file of the volume `handle` into `octets`; return its length, 0 where there is none. */
static UINTN read_file(EFI_HANDLE handle, CHAR16 *name, UINT8 *octets)
{
    EFI_FILE_IO_INTERFACE *files = protocol(handle, &of_files);
    EFI_FILE_HANDLE folder, file;
    UINTN length = TEXT_BYTES;
    if (!files || EFI_ERROR(files->OpenVolume(files, &folder)))
        return 0;
    if (EFI_ERROR(folder->Open(folder, &file, name, EFI_FILE_MODE_READ, 0))) {
        folder->Close(folder);
        return 0;
    }
    if (EFI_ERROR(file->Read(file, &length, octets)))
        length = 0;
    file->Close(file);
    folder->Close(folder);
    return length;
}

static UINTN put_text(CHAR16 *line, UINTN at, const CHAR16 *text)
{
    while (*text && at < ARGUMENTS - 1)
        line[at++] = *text++;
    line[at] = 0;
    return at;
}

/* Add to the line what `file` says behind NAME=, and a space. */
static UINTN put_argument(CHAR16 *line, UINTN at, EFI_HANDLE handle, CHAR16 *file, const char *name, UINTN name_bytes)
{
    static UINT8 octets[TEXT_BYTES];
    UINTN length = read_file(handle, file, octets);
    for (UINTN begin = 0; begin < length; begin++) {
        UINTN end = begin;
        while (end < length && octets[end] != '\n')
            end++;
        if (end - begin > name_bytes && same(octets + begin, name, name_bytes)) {
            for (UINTN i = begin + name_bytes; i < end && at < ARGUMENTS - 2; i++)
                if (octets[i] >= ' ')
                    line[at++] = octets[i];
            line[at++] = ' ';
        }
        begin = end;
    }
    line[at] = 0;
    return at;
}

/* The path of `vmlinuz` on the volume `handle`. NULL: no memory. */
static EFI_DEVICE_PATH *kernel_path(EFI_HANDLE handle)
{
    static const CHAR16 name[] = L"\\vmlinuz";
    const EFI_DEVICE_PATH *path = protocol(handle, &of_path);
    const UINT8 *end = (const UINT8 *)path;
    UINT8 *whole;
    UINTN length, node = 4 + sizeof(name);
    if (!path)
        return NULL;
    while (!is_end((const EFI_DEVICE_PATH *)end))
        end += node_bytes((const EFI_DEVICE_PATH *)end);
    length = (UINTN)(end - (const UINT8 *)path);
    if (EFI_ERROR(boot->AllocatePool(EfiLoaderData, length + node + 4, (void **)&whole)))
        return NULL;
    boot->CopyMem(whole, (void *)path, length);
    whole[length] = MEDIA_DEVICE_PATH;
    whole[length + 1] = MEDIA_FILEPATH_DP;
    whole[length + 2] = (UINT8)node;
    whole[length + 3] = 0;
    boot->CopyMem(whole + length + 4, (void *)name, sizeof(name));
    whole[length + node] = END_DEVICE_PATH_TYPE;
    whole[length + node + 1] = END_ENTIRE_DEVICE_PATH_SUBTYPE;
    whole[length + node + 2] = 4;
    whole[length + node + 3] = 0;
    return (EFI_DEVICE_PATH *)whole;
}

/* Boot a slot; it returns only where that cannot be done. */
static void start(EFI_HANDLE self, EFI_HANDLE home, UINT32 slot, BOOLEAN on_trial)
{
    static CHAR16 line[ARGUMENTS];
    EFI_HANDLE volume = partition_named(home, slot ? L"boot_b" : L"boot_a"), kernel = NULL;
    EFI_DEVICE_PATH *path = volume ? kernel_path(volume) : NULL;
    EFI_LOADED_IMAGE *image;
    UINTN at = 0;
    say_slot(L"edge: booting slot ", slot, L"");
    if (path && !EFI_ERROR(boot->LoadImage(FALSE, self, path, NULL, 0, &kernel)) &&
        (image = protocol(kernel, &of_image)) != NULL) {
        at = put_argument(line, at, home, L"firmware.env", "boardargs=", 10);
        at = put_argument(line, at, volume, L"slot.env", "slotargs=", 9);
        at = put_text(line, at, slot ? L"rauc.slot=B " : L"rauc.slot=A ");
        at = put_text(line, at, on_trial ? L"edge.trial " : L"");
        at = put_text(line, at, L"initrd=\\initrd");
        image->LoadOptions = line;
        image->LoadOptionsSize = (UINT32)((at + 1) * sizeof(CHAR16));
        boot->StartImage(kernel, NULL, NULL);
        boot->UnloadImage(kernel);
    }
    if (path)
        boot->FreePool(path);
    say_slot(L"edge: cannot be loaded: slot ", slot, L"");
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_LOADED_IMAGE *image;
    BOOLEAN on_trial = FALSE;
    UINT32 first;
    table = system;
    boot = system->BootServices;
    image = protocol(self, &of_image);
    if (!image)
        return EFI_LOAD_ERROR;
    first = first_slot(image->DeviceHandle, &on_trial);
    start(self, image->DeviceHandle, first, on_trial);
    start(self, image->DeviceHandle, 1 - first, FALSE);
    say(L"edge: no slot can be loaded; starting over\r\n");
    boot->Stall(5000000);
    table->RuntimeServices->ResetSystem(EfiResetCold, EFI_SUCCESS, 0, NULL);
    return EFI_LOAD_ERROR;
}
