/* libosmocore's times for 160 septets and an address, as codec.rs prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <osmocom/gsm/gsm48_ie.h>
#include <osmocom/gsm/gsm_utils.h>

static const char TEXT[] =
	"Hi Anna, the train at 17:42 is late again, so please don't wait with dinner. I will bring bread, 2 bottles of milk "
	"and the book that you asked for last week. See uHi Anna, the";

static char text[161];
static uint8_t packed[160];
static char decoded[512];
static const uint8_t ADDRESS[] = {7, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76};

static void decode(void)
{
	gsm_7bit_decode_n(decoded, sizeof(decoded), packed, 160);
}

static void encode(void)
{
	int octets;

	gsm_7bit_encode_n(packed, sizeof(packed), text, &octets);
}

static void address(void)
{
	gsm48_decode_bcd_number2(decoded, sizeof(decoded), ADDRESS, sizeof(ADDRESS), 1);
}

static double batch(void (*run)(void), int count)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < count; i++)
		run();
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
}

static void report(const char *name, const char *what, void (*run)(void))
{
	int count = 1;
	double best;

	while (batch(run, count) < 500e3)
		count *= 2;
	best = batch(run, count);
	for (int i = 0; i < 400; i++) {
		double ns = batch(run, count);

		if (ns < best)
			best = ns;
	}
	printf("%s\t%.1f\t%s\n", name, best / count, what);
}

int main(void)
{
	memcpy(text, TEXT, 160);
	encode();
	decode();
	if (strcmp(decoded, text) != 0) {
		fprintf(stderr, "osmocore: the text does not come back\n");
		return 1;
	}
	report("gsm_7bit_decode_n", "160 septets", decode);
	report("gsm_7bit_encode_n", "160 septets", encode);
	report("gsm48_decode_bcd_number2", "12 digits", address);
	return 0;
}
