# SPDX-License-Identifier: Apache-2.0
#
# What a test does with a broker, whichever it is: topics of its own, records
# that can be recognised, the group's offsets, the verdict.
#
# A subclass has bootstrap(), create_topic(name, partitions) and, where it
# can, grow_topic(name, partitions), halt() and resume().
package Test::Forebay::Broker;

use strict;
use warnings;

use Carp qw(croak);
use Test::More;
use Time::HiRes qw(time);

use Test::Forebay::Util;

my $topics = 0;

sub init
{
	my ($self) = @_;

	$self->{scratch} = scratch();
	$self->{journal} = $self->{scratch} . '/journal';
	# A journal is there before anything is produced.
	open(my $fh, '>>', $self->{journal}) or croak "$self->{journal}: $!";
	$self->{topics} = [];
	return $self;
}

sub bootstrap { croak 'which broker?' }
sub is_mock { return 0 }
sub can_grow { return 0 }

sub unique_name
{
	my ($self, $what) = @_;

	return join('-', $what // 't', $$, int(time * 1000) % 100000000,
	    $topics++);
}

# A new topic that no other test knows.
sub topic
{
	my ($self, $partitions, %opt) = @_;
	my $name = $opt{name} // $self->unique_name('t');

	$self->create_topic($name, $partitions, @{$opt{settings} // []});
	push @{$self->{topics}}, $name unless $opt{output};
	return $name;
}

# A name only; create_topic() makes it later.
sub future_topic
{
	my ($self) = @_;
	my $name = $self->unique_name('t');

	push @{$self->{topics}}, $name;
	return $name;
}

# ---- records -------------------------------------------------------------

# `set` is a hash of librdkafka properties.
sub produce_command
{
	my ($self, $topic, %opt) = @_;
	my @cmd = (helper('produce'), '-b', $self->bootstrap, '--topic',
	    $topic, '--journal', $self->{journal});

	my $set = delete $opt{set} // {};

	push @cmd, map { ('-X', "$_=$set->{$_}") } sort keys %$set;
	for my $name (sort keys %opt) {
		(my $flag = "--$name") =~ tr/_/-/;
		push @cmd, $flag;
		push @cmd, $opt{$name}
		    unless $name eq 'headers' || $name eq 'open';
	}
	return @cmd;
}

# Produce so many records and wait until all are acknowledged.  Options are
# those of t/helper/produce.c, with _ for -.
sub produce
{
	my ($self, $topic, $records, %opt) = @_;
	my $timeout = delete $opt{timeout} // 300;

	return run_ok([$self->produce_command($topic, %opt,
	    records => $records)], timeout => patience($timeout));
}

# Produce until ->close; see Test::Forebay::Producer below.
sub producer
{
	my ($self, $topic, %opt) = @_;

	return Test::Forebay::Producer->new($self, $topic, %opt);
}

# ---- offsets -------------------------------------------------------------

sub tool
{
	my ($self, @args) = @_;

	return run([helper('kafkatool'), '-b', $self->bootstrap, @args]);
}

sub tool_ok
{
	my ($self, @args) = @_;

	return run_ok([helper('kafkatool'), '-b', $self->bootstrap, @args]);
}

sub is_up { return ($_[0]->tool('ping'))[0] == 0 }

# By partition: { committed, start, end, metadata }; undef if the broker does
# not answer.
sub offsets
{
	my ($self, $group, $topic) = @_;
	my ($status, $out) = $self->tool('offsets', $group, $topic);
	my @rows;

	return undef if $status;
	for (split /\n/, $out) {
		my ($p, $committed, $start, $end, $metadata) = split / /;

		$rows[$p] = { committed => $committed, start => $start,
		    end => $end, metadata => $metadata };
	}
	return \@rows;
}

# Has the group committed the end of each partition?
sub is_caught_up
{
	my ($self, $group, @names) = @_;

	@names = @{$self->{topics}} unless @names;
	for my $topic (@names) {
		my $rows = $self->offsets($group, $topic) or return 0;

		for my $row (@$rows) {
			next if $row->{committed} == $row->{end};
			# Nothing to read, so nothing to commit.
			next if $row->{committed} == -1 &&
			    $row->{end} == $row->{start};
			return 0;
		}
	}
	return 1;
}

# All offsets that are committed, summed; what the broker does not tell counts
# for nothing.
sub committed
{
	my ($self, $group, @names) = @_;
	my $sum = 0;

	for my $topic (@names) {
		$sum += $_->{committed} > 0 ? $_->{committed} : 0
		    for @{$self->offsets($group, $topic) // []};
	}
	return $sum;
}

# As a test, after a drain: no exception for empty partitions is needed there
# but that nothing was ever read from them.
sub caught_up_ok
{
	my ($self, $group, @names) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = ok($self->is_caught_up($group, @names),
	    'group offset = log end in every partition');

	unless ($ok) {
		@names = @{$self->{topics}} unless @names;
		for my $topic (@names) {
			my $rows = $self->offsets($group, $topic) // [];

			diag("$topic/$_: $rows->[$_]{committed} of "
			    . $rows->[$_]{end}) for 0 .. $#$rows;
		}
	}
	return $ok;
}

# ---- the verdict ---------------------------------------------------------

# logs => [files with the log sink's lines], from => output topic or a list
# of them.
sub verify
{
	my ($self, %opt) = @_;
	my @cmd = (helper('verify'), '--journal', $self->{journal});

	push @cmd, '--topic', $opt{topic} if $opt{topic};
	push @cmd, '--loose' if $opt{loose};
	push @cmd, '-X', 'isolation.level=' . ($opt{committed} ?
	    'read_committed' : 'read_uncommitted') if $opt{from};
	push @cmd, '-b', $self->bootstrap if $opt{from};
	push @cmd, '--from', $_
	    for ref $opt{from} ? @{$opt{from}} : $opt{from} // ();
	push @cmd, @{$opt{logs}} if $opt{logs};
	my ($status, $out, $err) = run(\@cmd, timeout => patience(300));
	my ($last) = $out =~ /^(produced .*)$/m;

	die "verify: exit status $status: $err$out\n" unless $last;
	my %verdict = $last =~ /(\w+) (-?\d+)/g;

	$verdict{status} = $status;
	$verdict{text} = $out;
	return \%verdict;
}

# The end of every delivery test.  repeated => the most that may be (0);
# any_order => 1: topics that several partitions are written to.
sub delivered_ok
{
	my ($self, %opt) = @_;
	my $most = delete $opt{repeated} // 0;
	my $produced = delete $opt{produced};
	my $any_order = delete $opt{any_order};
	my $v = $self->verify(%opt);
	my $fine = 1;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$fine &= is($v->{produced}, $produced, "$produced produced")
	    if defined $produced;
	cmp_ok($v->{produced}, '>', 0, 'something was produced')
	    unless defined $produced;
	$fine &= is($v->{$_}, 0, "$_ 0")
	    for qw(lost corrupt foreign early), $any_order ? () : 'reordered';
	$fine &= cmp_ok($v->{repeated}, '<=', $most,
	    "repeated at most $most");
	$fine ? note($v->{text}) : diag($v->{text});
	return $v;
}

# ---- a producer that goes on until it is told ----------------------------

package Test::Forebay::Producer;

use strict;
use warnings;

use IO::Handle;
use POSIX ();

use Test::Forebay::Util;

sub new
{
	my ($class, $broker, $topic, %opt) = @_;
	my $self = bless { scratch => scratch() }, $class;
	my @cmd = $broker->produce_command($topic, records => 0, open => 1,
	    %opt);

	$self->{out} = $self->{scratch} . '/out';
	pipe(my $reader, my $writer) or die "pipe: $!";
	$writer->autoflush(1);
	$self->{pid} = spawn(\@cmd, in => $reader, out => $self->{out},
	    err => $self->{scratch} . '/err');
	close($reader);
	$self->{in} = $writer;
	return $self;
}

# Acknowledged so far.
sub acked
{
	my ($self) = @_;
	my $before = () = slurp($self->{out}) =~ /^acked/mg;
	my $n;

	local $SIG{PIPE} = 'IGNORE';
	print { $self->{in} } "?\n";
	wait_until {
		my @all = slurp($self->{out}) =~ /^acked (\d+)\n/mg;

		$n = $all[-1];
		return @all > $before || waitpid($self->{pid},
		    POSIX::WNOHANG()) == $self->{pid};
	} 'the producer answers';
	return $n if defined $n;
	delete $self->{pid};
	die 'produce: ' . slurp($self->{scratch} . '/err') . "\n";
}

# Stop and wait for the last acknowledgement; dies if one is missing.
sub close
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	CORE::close(delete $self->{in});
	my $status = reap($pid, 150);

	kill_pid($pid) unless defined $status;
	die "produce: " . slurp($self->{scratch} . '/err') . "\n"
	    unless defined $status && $status == 0;
	return 1;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	kill_pid(delete $self->{pid}) if $self->{pid};
	return;
}

1;
