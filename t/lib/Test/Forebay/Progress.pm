# SPDX-License-Identifier: Apache-2.0
#
# What `make check` prints: a line for each test file when it has ended, on a
# terminal also how many are left and for about how long, and at the end the
# files that took longest.
#
#	prove --formatter Test::Forebay::Progress
#
# How long is estimated from t/times: the seconds that each file took on two
# cores.  FOREBAY_TIMES=t/times writes that file anew, with what was run now
# in place of what it said of these.
package Test::Forebay::Progress;

use strict;
use warnings;

use parent 'TAP::Formatter::Base';

use List::Util qw(max sum0);
use Time::HiRes qw(time);

my ($TIMES, $RULES) = qw(t/times t/testrules.yml);
my ($UNKNOWN, $SLOWEST) = (5, 20);

sub lines_of
{
	my ($path) = @_;

	open(my $fh, '<', $path) or return;
	return grep { !/^#/ } <$fh>;
}

# A unit test is another file in each build directory.
sub plain
{
	my ($test) = @_;

	return $test =~ s{^build[^/]*/}{}r;
}

sub prepare
{
	my ($self, @tests) = @_;
	my @names = map { ref ? $_->[1] : $_ } @tests;

	$self->SUPER::prepare(@names);
	$self->{before} = { map { /^\s*(\S+)\s+(\S+)/ ? ($2 => $1) : () }
	    lines_of($TIMES) };
	$self->{alone} = { map { m{^\s*- (t/\S+)$} ? ($1 => 1) : () }
	    lines_of($RULES) };
	$self->{left} = { map { $_ => 1 } @names };
	$self->{begun} = {};
	$self->{took} = {};
	$self->{start} = time;
	$self->{all} = @names;
	return;
}

# ---- how long --------------------------------------------------------------

sub expected
{
	my ($self, $test) = @_;

	return $self->{before}{plain($test)} // $UNKNOWN;
}

# What is left of those, with so many at a time.
sub work
{
	my ($self, $now, @tests) = @_;
	my ($one, $many) = (0, 0);

	for my $test (@tests) {
		my $since = $self->{begun}{$test};
		my $left = $self->expected($test);

		$left = max($left - ($now - $since), $left / 10) if $since;
		($self->{alone}{$test} ? $one : $many) += $left;
	}
	return $one + $many / max($self->jobs, 1);
}

# Seconds; this machine may be slower or faster than the one of t/times.
sub left
{
	my ($self) = @_;
	my $now = time;
	my $gone = $now - $self->{start};
	my $done = $self->work($self->{start}, grep { !$self->{left}{$_} }
	    keys %{$self->{took}});
	my $pace = $done < 10 ? 1 : $gone / $done;

	$pace = 1 / 4 if $pace < 1 / 4;
	return $pace * $self->work($now, keys %{$self->{left}});
}

# ---- what is shown ---------------------------------------------------------

sub minutes
{
	my ($seconds) = @_;

	return sprintf('%d:%02d', $seconds / 60, $seconds % 60);
}

sub status_line
{
	my ($self) = @_;

	return sprintf('%d of %d, %s left: %s', scalar keys %{$self->{took}},
	    $self->{all}, minutes($self->left),
	    join(' ', sort keys %{$self->{begun}}));
}

# One line that is written over again and again.
sub show
{
	my ($self) = @_;

	return if !-t $self->stdout || $self->really_quiet;
	$self->{shown} = int(time);
	$self->_output("\r", substr($self->status_line, 0, 79), "\e[K");
	return;
}

sub hide
{
	my ($self) = @_;

	$self->_output("\r\e[K") if delete $self->{shown};
	return;
}

# ---- called by prove -------------------------------------------------------

sub open_test
{
	my ($self, $test, $parser) = @_;

	$self->{begun}{$test} = time;
	$self->show;
	return Test::Forebay::Progress::Session->new({ name => $test,
	    formatter => $self, parser => $parser });
}

sub went_on
{
	my ($self) = @_;

	$self->show if int(time) != ($self->{shown} // 0);
	return;
}

sub ended
{
	my ($self, $test) = @_;

	$self->{took}{$test} = time - delete $self->{begun}{$test};
	delete $self->{left}{$test};
	return;
}

sub save
{
	my ($self, $path) = @_;
	my %all = %{$self->{before}};

	for my $test (keys %{$self->{took}}) {
		$all{plain($test)} = sprintf('%.1f', $self->{took}{$test});
	}
	open(my $fh, '>', $path) or die "$path: $!\n";
	print $fh "# Seconds; lib/Test/Forebay/Progress.pm writes this.\n";
	printf $fh "%6s %s\n", $all{$_}, $_ for sort keys %all;
	close($fh) or die "$path: $!\n";
	return;
}

sub slowest
{
	my ($self) = @_;
	my $took = $self->{took};
	my @tests = sort { $took->{$b} <=> $took->{$a} || $a cmp $b }
	    keys %$took;

	return if @tests <= $SLOWEST;
	$self->_output("\nThe slowest, in seconds:\n");
	$self->_output(sprintf("%8.1f  %s\n", $took->{$_}, $_))
	    for @tests[0 .. $SLOWEST - 1];
	$self->_output(sprintf("%8.1f  all %d, in %s\n", sum0(values %$took),
	    scalar @tests, minutes(time - $self->{start})));
	return;
}

sub summary
{
	my ($self, @args) = @_;

	$self->hide;
	$self->slowest;
	$self->save($ENV{FOREBAY_TIMES}) if $ENV{FOREBAY_TIMES};
	return $self->SUPER::summary(@args);
}

# One test file.
package Test::Forebay::Progress::Session;

use strict;
use warnings;

use parent 'TAP::Formatter::File::Session';

sub result
{
	my ($self, @args) = @_;

	$self->formatter->went_on;
	return $self->SUPER::result(@args);
}

sub time_report
{
	my ($self, $formatter, $parser) = @_;

	return sprintf(' %6.1f s', $parser->end_time - $parser->start_time);
}

sub close_test
{
	my ($self, @args) = @_;
	my $formatter = $self->formatter;

	$formatter->hide;
	$formatter->ended($self->name);
	$self->SUPER::close_test(@args);
	$formatter->show if %{$formatter->{left}};
	return;
}

1;
