# SPDX-License-Identifier: Apache-2.0
#
# libFuzzer on whatever reads bytes of others: each target of t/fuzz from the
# seeds in t/fuzz/corpus and from what earlier runs have left in the build
# directory, as many at a time as there are CPUs.
#
#	use Test::Forebay::Fuzz;
#	fuzz(10);	# seconds for each; 0: the seeds only
#
# FUZZ='yaml http': only these.
package Test::Forebay::Fuzz;

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use Test::More;

use Test::Forebay::Util;

our @EXPORT = qw(fuzz);

my $B = 'build-fuzz';		# relative to the tree, where prove runs
my %SEEDS = map { $_ => ['t/conf/good', 't/conf/bad',
    'conf/examples'] } qw(yaml manifest);

sub targets
{
	my @targets = map { m{([^/]+)\.c$} } sort glob 't/fuzz/*.c';
	my %only = map { $_ => 1 } split ' ', $ENV{FUZZ} // '';

	return @targets unless %only;
	@targets = grep { delete $only{$_} } @targets;
	BAIL_OUT('no fuzz target: ' . join ' ', sort keys %only) if %only;
	return @targets;
}

sub can_fuzz
{
	my $dir = scratch();

	spew("$dir/x.c", "int LLVMFuzzerTestOneInput(const char *p, long n)\n" .
	    "{ return n < 0 && *p; }\n");
	return (run(['clang', '-fsanitize=fuzzer,address', '-o', "$dir/x",
	    "$dir/x.c"]))[0] == 0;
}

# WERROR and the like come through the environment.
sub build
{
	delete local @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS)};
	my ($status, $out, $err) = run(['make', '-j2', 'SAN=fuzz', 'CC=clang',
	    "B=$B", 'fuzz-programs'], timeout => 900);

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

sub begin
{
	my ($name, $seconds) = @_;
	my $dict = "t/fuzz/$name.dict";
	my $log = "$B/found/$name.log";

	make_path("$B/found", "$B/grown/$name");
	unlink $log;
	my $pid = spawn(["$B/t/fuzz/$name", "-artifact_prefix=$B/found/$name-",
	    '-timeout=20', '-print_final_stats=1', -e $dict ? "-dict=$dict" : (),
	    $seconds ? "-max_total_time=$seconds" : '-runs=0',
	    "$B/grown/$name", "t/fuzz/corpus/$name", @{$SEEDS{$name} // []}],
	    out => '/dev/null', err => $log);

	return { name => $name, pid => $pid, log => $log,
	    timeout => $seconds + 300 };
}

sub end
{
	my ($target) = @_;
	my $name = $target->{name};
	my $status = reap($target->{pid}, $target->{timeout});
	my $log = slurp($target->{log});

	kill_pid($target->{pid}) unless defined $status;
	is($status, 0, "$name: " . summary($log)) or diag(
	    substr($log, -6000), "\n$B/t/fuzz/$name FILE runs one input");
	return;
}

# They take equally long, so the first to begin is the first to end.
sub fuzz
{
	my ($seconds) = @_;
	my @todo = targets();
	my @running;
	my $cpus = () = slurp('/proc/stat') =~ /^cpu\d/mg;

	skip_all_for('clang has no libFuzzer (libclang-rt-dev)')
	    unless can_fuzz();
	if (build()) {
		while (@todo || @running) {
			push @running, begin(shift @todo, $seconds)
			    while @todo && @running < $cpus;
			end(shift @running);
		}
	}
	done_testing();
	return;
}

1;
