# SPDX-License-Identifier: Apache-2.0
#
# What every test needs: waiting for a condition, running a program with a
# deadline, a scenario that fails without taking the file down, and skipping
# that CI does not accept.
package Test::Forebay::Util;

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use Fcntl qw(SEEK_SET);
use File::Basename qw(dirname);
use File::Temp ();
use IO::Handle;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
	wait_until is_soon scenario run run_ok helper build_dir source_dir
	scratch slurp spew skip_for skip_all_for pids_in pid_alive
	patience crowded spawn reap kill_pid seconds
);

our $TREE = abs_path(dirname(__FILE__) . '/../../../..');

sub source_dir { return $TREE }

# Where the programs are; relative to the tree, as the makefile says it.
sub build_dir
{
	my $b = $ENV{FOREBAY_BUILD} // 'build';

	return $b =~ m{^/} ? $b : "$TREE/$b";
}

sub helper { return build_dir() . "/t/helper/$_[0]" }

# Everything takes longer under a sanitizer.  FOREBAY_PATIENCE is a factor.
sub patience
{
	return $_[0] * ($ENV{FOREBAY_PATIENCE} // 1)
	    * ($ENV{FOREBAY_SAN} ? 4 : 1);
}

# How many processes want each CPU just now, but at least 1: what is measured
# and not only waited for takes as many times as long.
sub crowded
{
	my ($load) = split / /, slurp('/proc/loadavg');
	my $cpus = () = slurp('/proc/stat') =~ /^cpu\d/mg;

	return $load > $cpus ? $load / $cpus : 1;
}

# How long the fault tests go on.
sub seconds { return $ENV{FOREBAY_FAULT_SECONDS} // $_[0] }

# Run the block until it is true; its value is returned.  Dies at the
# deadline: what comes after would only fail for the same reason.
sub wait_until (&$;$)
{
	my ($block, $what, $timeout) = @_;
	my $deadline = time + patience($timeout // 30);
	my $nap = 0.005;

	while (1) {
		my $value = $block->();

		return $value if $value;
		die sprintf("gave up waiting until %s (%.0f s)\n", $what,
		    patience($timeout // 30)) if time > $deadline;
		sleep $nap;
		$nap = $nap * 1.5 < 0.1 ? $nap * 1.5 : 0.1;
	}
}

# The same as a test: it fails instead of dying.
sub is_soon (&$;$)
{
	my ($block, $what, $timeout) = @_;
	my $value = eval { &wait_until($block, $what, $timeout) };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($value, $what) or diag($@);
	return $value;
}

# A subtest that may die: it then fails, and the next one runs.  One that
# asserts nothing fails, too.
sub scenario
{
	my ($name, $code) = @_;
	my $only = $ENV{FOREBAY_SCENARIO};

	return if $only && $name !~ /$only/;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return subtest($name => sub {
		my $start = time;

		eval { $code->(); 1 } or do {
			my $why = $@;

			fail("went through");
			diag($why);
		};
		note(sprintf('%s: %.1f s', $name, time - $start));
	});
}

# Skip the rest of a file or scenario.  `machine` reasons (no root, no
# systemd ...) are honest everywhere; the others are failures in CI, where
# what the tests need is installed.
sub skip_all_for
{
	my ($why, %opt) = @_;

	if ($ENV{FOREBAY_NO_SKIP} && !$opt{machine}) {
		fail("may not skip: $why");
		done_testing();
		exit 1;
	}
	plan(skip_all => $why);
}

sub skip_for
{
	my ($why, %opt) = @_;

	return fail("may not skip: $why")
	    if $ENV{FOREBAY_NO_SKIP} && !$opt{machine};
	Test::More->builder->skip($why);
	return 1;
}

sub scratch
{
	# Short, because a socket's path is at most 107 bytes.
	return File::Temp->newdir('fbyXXXXXX', TMPDIR => 1, CLEANUP => 1);
}

sub slurp
{
	my ($path) = @_;

	open(my $fh, '<', $path) or return '';
	local $/;
	return scalar(<$fh>) // '';
}

sub spew
{
	my ($path, $text) = @_;

	# Never half a file: a reload may read it at any time.
	open(my $fh, '>', "$path.new") or croak "$path: $!";
	print $fh $text;
	close($fh) or croak "$path: $!";
	rename("$path.new", $path) or croak "$path: $!";
	return $path;
}

# A test that is interrupted still runs its destructors.
$SIG{$_} //= sub { exit(130) } for qw(HUP INT TERM);
# Whoever read our lines is gone: `| head`, or a prove that was killed.
$SIG{PIPE} //= sub { $SIG{PIPE} = 'IGNORE'; exit(141) };

# ---- processes -----------------------------------------------------------

# Processes whose standard output or error is a file below that directory: a
# daemon and all its children, whoever their parent is by now.  (Not by a mark
# in the environment: a process title may be written over that.)
sub pids_in
{
	my ($dir) = @_;
	my $path = abs_path($dir);
	my %pids;

	for my $fd (glob '/proc/[0-9]*/fd/[12]') {
		my $file = readlink($fd) // next;

		$pids{$1} = 1 if index($file, "$path/") == 0 &&
		    $fd =~ m{^/proc/(\d+)/} && $1 != $$ && pid_alive($1) &&
		    length slurp("/proc/$1/cmdline");	# not exiting
	}
	return sort { $a <=> $b } keys %pids;
}

# Not a zombie, either.
sub pid_alive
{
	my ($pid) = @_;
	my $stat = slurp("/proc/$pid/stat");

	return $stat =~ /.*\)\s+(\w)/s && $1 !~ /[ZX]/;
}

# Start a program.  Options: out, err (paths, appended to), in (a handle),
# env (hash).
sub spawn
{
	my ($cmd, %opt) = @_;
	my $pid = fork // croak "fork: $!";

	return $pid if $pid;
	# From here on nothing may run the parent's END and DESTROY.
	eval {
		local $SIG{__DIE__};
		my $in = $opt{in};

		if ($in) {
			POSIX::dup2(fileno($in), 0);
		} else {
			open(STDIN, '<', '/dev/null') or die "null: $!";
		}
		# O_APPEND: several processes write to the same file.
		open(STDOUT, '>>', $opt{out} // '/dev/null') or die "out: $!";
		open(STDERR, '>>', $opt{err} // '/dev/null') or die "err: $!";
		for my $name (keys %{$opt{env} // {}}) {
			delete $ENV{$name};
			$ENV{$name} = $opt{env}{$name}
			    if defined $opt{env}{$name};
		}
		# What whoever runs the tests left open is not for a daemon:
		# limits on descriptors would mean something else with it.
		POSIX::close($_) for grep { $_ > 2 }
		    map { m{(\d+)$} } glob '/proc/self/fd/*';
		exec { $cmd->[0] } @$cmd or die "$cmd->[0]: $!\n";
	};
	print STDERR $@;
	POSIX::_exit(127);
}

# Wait for a child; undef at the deadline, else $?.
sub reap
{
	my ($pid, $timeout) = @_;
	my $status;

	eval {
		wait_until {
			my $got = waitpid($pid, POSIX::WNOHANG());

			$status = $got == $pid ? $? : $got == -1 ? 0 : undef;
			return $got;
		} "process $pid is gone", $timeout // 10;
	};
	return $status;
}

# End a child for certain.
sub kill_pid
{
	my ($pid, $signal) = @_;

	kill($signal // 'KILL', $pid);
	my $status = reap($pid, 10);

	return $status if defined $status;
	kill('KILL', $pid);
	return reap($pid, 10);
}

# Run a program to its end: (exit status, stdout, stderr).  128 + n for a
# signal, 124 at the deadline.
sub run
{
	my ($cmd, %opt) = @_;
	my $dir = scratch();
	my $pid = spawn($cmd, %opt, out => "$dir/out", err => "$dir/err");
	my $status = reap($pid, $opt{timeout} // 60);

	if (!defined $status) {
		kill_pid($pid);
		$status = 124 << 8;
	}
	return ($status & 127 ? 128 + ($status & 127) : $status >> 8,
	    slurp("$dir/out"), slurp("$dir/err"));
}

# Its standard output; dies if it fails.
sub run_ok
{
	my ($cmd, %opt) = @_;
	my ($status, $out, $err) = run($cmd, %opt);

	$status == 0 or die "@$cmd: exit status $status: $err$out\n";
	return $out;
}

1;
