#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# libFuzzer on whatever reads bytes of others: each target for FUZZ_SECONDS
# (0: the seeds only), from the seeds in t/fuzz/corpus and from what earlier
# runs have left in the build directory.  FUZZ='yaml http': only these.
use strict;
use warnings;

use lib 't/lib';
use File::Path qw(make_path);
use Test::Forebay::Util;
use Test::More;

my $b = 'build-fuzz';		# relative to the tree, where prove runs
my $seconds = $ENV{FUZZ_SECONDS} // 60;
my @targets = map { m{([^/]+)\.c$} } sort glob 't/fuzz/*.c';
my %seeds = map { $_ => ['t/conf/good', 't/conf/bad',
    'conf/examples'] } qw(yaml manifest);

if (my @only = split ' ', $ENV{FUZZ} // '') {
	my %is_only = map { $_ => 1 } @only;

	@targets = grep { delete $is_only{$_} } @targets;
	BAIL_OUT('no fuzz target: ' . join ' ', sort keys %is_only)
	    if %is_only;
}

sub can_fuzz
{
	my $dir = scratch();

	spew("$dir/x.c", "int LLVMFuzzerTestOneInput(const char *p, long n)\n" .
	    "{ return n < 0 && *p; }\n");
	return (run(['clang', '-fsanitize=fuzzer,address', '-o', "$dir/x",
	    "$dir/x.c"]))[0] == 0;
}

sub build
{
	delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	my ($status, $out, $err) = run(['make', '-j2', 'SAN=fuzz', 'CC=clang',
	    "B=$b", 'fuzz-programs'], timeout => 900);

	is($status, 0, 'make fuzz-programs') or diag($out, $err);
	return $status == 0;
}

# One line of what there is to know.
sub summary
{
	my ($log) = @_;
	my ($edges) = $log =~ /\((\d+) inline 8-bit counters\)/;
	my ($cov, $corpus) = ($log =~ /cov: (\d+) ft: \d+ corp: (\d+)/g)[-2, -1];
	my ($runs) = $log =~ /number_of_executed_units: *(\d+)/;
	my ($rate) = $log =~ /average_exec_per_sec: *(\d+)/;

	return sprintf('%d executions, %d/s, %d of %d edges, corpus of %d',
	    $runs // 0, $rate // 0, $cov // 0, $edges // 0, $corpus // 0);
}

sub fuzz
{
	my ($name) = @_;
	my $dict = "t/fuzz/$name.dict";
	my @args = ("-artifact_prefix=$b/found/$name-", '-timeout=20',
	    '-print_final_stats=1', -e $dict ? "-dict=$dict" : (),
	    $seconds ? "-max_total_time=$seconds" : '-runs=0');

	make_path("$b/found", "$b/grown/$name");
	my ($status, undef, $log) = run(["$b/t/fuzz/$name", @args,
	    "$b/grown/$name", "t/fuzz/corpus/$name", @{$seeds{$name} // []}],
	    timeout => $seconds + 300);

	spew("$b/found/$name.log", $log);
	is($status, 0, "$name: " . summary($log)) or diag(
	    substr($log, -6000), "\n$b/t/fuzz/$name FILE runs one input");
	return;
}

skip_all_for('clang has no libFuzzer (libclang-rt-dev)') unless can_fuzz();
if (build()) {
	fuzz($_) for @targets;
}
done_testing();
